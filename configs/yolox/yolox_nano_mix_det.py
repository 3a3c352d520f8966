# YOLOX-Nano on the MIX of MOT17, CrowdHuman, CityPersons and ETHZ, as ByteTrack trains it.
#     dmtrack weights import bytetrack_nano_mot17.pth.tar --from bytetrack --config configs/yolox/yolox_nano_mix_det.py
#     python tools/train.py --config configs/yolox/yolox_nano_mix_det.py --gpus 8
_base_ = "yolox_s_mix_det.py"
model = dict(width=0.25, depthwise=True)
load_from = "yolox_nano.safetensors"
