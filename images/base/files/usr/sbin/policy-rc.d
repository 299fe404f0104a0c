#!/bin/sh
# Packages start no services when they are installed: an image has no init system to look after them.
exit 101
