"""The web page: a Gradio app, mounted on the API by `app.server`. `build` puts the tabs together; each has a file of its own."""
