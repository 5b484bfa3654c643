"""One section of the page per file. A section gets the content and gives markup, or None where
there is nothing to tell."""
