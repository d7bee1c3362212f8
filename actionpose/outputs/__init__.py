"""Where events go besides the screen: files, OSC, MQTT, HTTP, key presses, programs.

Nothing is sent anywhere unless it was asked for. Libraries are imported when an output needs them.
"""

from actionpose.outputs.base import Output, OutputError, event_record
from actionpose.outputs.dispatcher import Dispatcher, OutputStatus, describe_output
from actionpose.outputs.json_lines import JsonLinesOutput
from actionpose.outputs.opening import open_output

__all__ = [
    "Dispatcher",
    "JsonLinesOutput",
    "Output",
    "OutputError",
    "OutputStatus",
    "describe_output",
    "event_record",
    "open_output",
]
