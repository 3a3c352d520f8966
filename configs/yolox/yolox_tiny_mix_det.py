# YOLOX-Tiny on the MIX of MOT17, CrowdHuman, CityPersons and ETHZ, as ByteTrack trains it.
#     dmtrack weights import bytetrack_tiny_mot17.pth.tar --from bytetrack --config configs/yolox/yolox_tiny_mix_det.py
#     python tools/train.py --config configs/yolox/yolox_tiny_mix_det.py --gpus 8
_base_ = "yolox_s_mix_det.py"
model = dict(width=0.375)
load_from = "yolox_tiny.safetensors"
