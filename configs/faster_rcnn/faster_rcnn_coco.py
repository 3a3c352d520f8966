# torchvision's Faster R-CNN, which has learnt the 80 kinds of things of COCO (91 numbers, some of them unused).
#     dmtrack weights import fasterrcnn_resnet50_fpn_coco-258fb6c6.pth --from torchvision
#     dmtrack mot track video.mp4 --config configs/faster_rcnn/faster_rcnn_coco.py --weights FILE
_base_ = "faster_rcnn_mot17_half.py"
model = dict(classes=90, preprocessing=dict(flavour="torchvision", scale=(1333, 800)))
