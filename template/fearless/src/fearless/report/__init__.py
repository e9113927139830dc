"""What a verdict looks like: on a terminal and in Markdown, made from report.json alone."""
