"""The sections of the page, each a function of the examination: HTML, empty where there is nothing
to show."""
