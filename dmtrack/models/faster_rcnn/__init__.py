"""Faster R-CNN (Ren et al., 2015, arXiv 1506.01497) with a pyramid, out of torchvision's parts; importing the package
registers the model.
"""

from dmtrack.models.faster_rcnn import faster_rcnn as faster_rcnn
