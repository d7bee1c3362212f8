"""``python -m actionpose`` is the command line."""

from actionpose.cli import main

main()
