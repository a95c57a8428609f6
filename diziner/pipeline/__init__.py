"""Code that stages share: arguments, selection, prediction, and the code behind each stage."""
