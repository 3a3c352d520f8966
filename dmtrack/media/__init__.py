"""Reading and writing images, videos and cameras, and drawing on frames. No tracking logic."""
