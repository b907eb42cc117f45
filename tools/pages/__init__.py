"""Pages of the site that are made of other files. Nothing here needs MkDocs."""
