"""What quantization did to a network: confidences, weights, feature maps, noise, the front.

`examination` puts the values together; `figures` and `page` show them.
"""
