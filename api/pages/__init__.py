"""Pages for people: templates, their texts in Dutch and English, and a style sheet.

    templates/   Jinja2; what is shown is escaped
    texts/       one file a language, with the same names
    assets/      what a page loads: from here, and from nowhere else

`tests/test_pages.py` holds the languages to each other.
"""
