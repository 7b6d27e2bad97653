"""Making and serving the sentence encoder.

`build` makes a served model directory, `onnx_encoder` serves it; nothing else of Natiq needs to
know what lies in between.
"""
