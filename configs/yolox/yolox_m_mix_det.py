# YOLOX-M on the MIX of MOT17, CrowdHuman, CityPersons and ETHZ, as ByteTrack trains it.
#     dmtrack weights import bytetrack_m_mot17.pth.tar --from bytetrack --config configs/yolox/yolox_m_mix_det.py
#     python tools/train.py --config configs/yolox/yolox_m_mix_det.py --gpus 8
_base_ = "yolox_x_mix_det.py"
model = dict(depth=0.67, width=0.75)
load_from = "yolox_m.safetensors"
