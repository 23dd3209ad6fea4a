"""Points (点数): base points of groups, class and points of cases, readmission."""
