"""What is computed: operators, quantisation, lowering, range analysis, execution."""
