"""What is tried and not kept: simulations, sensitivity, impact of a scheme (试算)."""
