"""The report as one HTML file: what stands in it (`contents`), and how it looks (`page.html`)."""
