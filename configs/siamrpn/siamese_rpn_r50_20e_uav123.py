# SiamRPN++ with ResNet-50 as MMTracking publishes it, with its settings for UAV123.
_base_ = "./siamese_rpn_r50_20e_lasot.py"
tracker = dict(penalty_k=0.1, window_influence=0.1, lr=0.5)
