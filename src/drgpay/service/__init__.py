"""The service: hospitals preview their points, agencies see the region. Thin: parse, call, render."""
