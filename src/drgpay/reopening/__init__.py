"""A closed year opened again: later violations and corrected cases (重开清算)."""
