"""The same requests over two plugins, and the fields in which their replies differ."""
