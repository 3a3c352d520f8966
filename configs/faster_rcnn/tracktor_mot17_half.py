# Tracktor as MMTracking publishes it: Faster R-CNN, embeddings of persons, and the motion of the camera.
#     dmtrack weights import tracktor_faster-rcnn_r50_fpn_4e_mot17-private-half.pth --from mmdetection \
#         --config configs/faster_rcnn/tracktor_mot17_half.py
#     dmtrack test --layout mot17 --data MOT17 --config configs/faster_rcnn/tracktor_mot17_half.py --weights FILE
# MMTracking keeps detector and embeddings in two files: join their state dicts under `detector.` and `reid.` first.
# DeepSORT: --set tracker.policy.type=DeepSORT --set tracker.camera_motion=false
_base_ = "faster_rcnn_mot17_half.py"
model = dict(embeddings=True)
tracker = dict(type="TrackByDetection", name="Tracktor", policy=dict(type="Tracktor"), camera_motion=True)
