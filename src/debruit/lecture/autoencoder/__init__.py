"""An autoencoder on a page: what it keeps of an image, and in what. As for the lecture, panels.py holds pure functions
study -> numbers, and page.py makes one HTML page of them.
"""
