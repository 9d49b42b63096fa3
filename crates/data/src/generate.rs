//! Small data sets made by us.
