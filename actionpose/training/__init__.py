"""Your own keypoint model: collect, label, build, train, judge, export.

torch is imported by `network`, `trainer` and what they are made of, and by no other module of the package; collecting,
building, metrics and running an exported model need none.
"""
