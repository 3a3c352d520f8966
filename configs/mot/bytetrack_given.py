# ByteTrack on the detections that come with the videos of a benchmark (det/det.txt); no network, no weights.
#     dmtrack test --layout mot17 --data MOT17 --config configs/mot/bytetrack_given.py --name ByteTrack
# Another policy: --set tracker.policy.type=Sort. Its parameters: dmtrack search with the same options.
tracker = dict(type="TrackByDetection", name="ByteTrack", policy=dict(type="ByteTrack"))
