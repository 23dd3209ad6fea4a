"""The global budget through the year (总额控制): results of runs in the book, papers, publication."""
