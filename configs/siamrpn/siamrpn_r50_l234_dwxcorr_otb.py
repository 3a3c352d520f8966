# SiamRPN++ with ResNet-50 as PySOT publishes it for OTB100: the levels are not weighted.
_base_ = "./siamrpn_r50_l234_dwxcorr.py"
model = dict(head=dict(weighted=False))
tracker = dict(penalty_k=0.24, window_influence=0.5, lr=0.25)
