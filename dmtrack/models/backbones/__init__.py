"""Backbones; importing the package registers them."""

from dmtrack.models.backbones import dla34 as dla34
from dmtrack.models.backbones import dla_seg as dla_seg
from dmtrack.models.backbones import hrnet as hrnet
from dmtrack.models.backbones import mobilenet_v2 as mobilenet_v2
from dmtrack.models.backbones import residual_pyramid as residual_pyramid
from dmtrack.models.backbones import residual_trunk as residual_trunk
from dmtrack.models.backbones import siamese_alexnet as siamese_alexnet
from dmtrack.models.backbones import siamese_mobilenet as siamese_mobilenet
from dmtrack.models.backbones import siamese_resnet as siamese_resnet
from dmtrack.models.backbones import yolov5 as yolov5
