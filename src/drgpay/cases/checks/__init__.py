"""Checks of front-page quality: what a medical-record coder looks at before a case is sent.

`catalogue` lists every check with its severity, texts and source; `person`, `stay`, `coding` and
`costs` hold one small function a check and the loop that calls them on many cases.
"""
