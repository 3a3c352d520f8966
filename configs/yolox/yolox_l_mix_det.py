# YOLOX-L on the MIX of MOT17, CrowdHuman, CityPersons and ETHZ, as ByteTrack trains it.
#     dmtrack weights import bytetrack_l_mot17.pth.tar --from bytetrack --config configs/yolox/yolox_l_mix_det.py
#     python tools/train.py --config configs/yolox/yolox_l_mix_det.py --gpus 8
_base_ = "yolox_x_mix_det.py"
model = dict(depth=1.0, width=1.0)
load_from = "yolox_l.safetensors"
