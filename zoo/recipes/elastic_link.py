"""The recipe of Elastic-Link, https://arxiv.org/abs/2112.10149, "Training Details".

From scratch, Adam without weight decay, 100 epochs of ImageNet with 256 images a step, learning rate 1e-3 divided by 10
after epochs 50 and 80; shorter edge to 256 px, random 224 px crop, horizontal flip, mean subtraction; plain STE.

Published ImageNet top-1: EL-ResNet26 64.0, EL-ResNet50 65.6, EL-ResNet18 60.1, EL-ResNet34 63.2 (percent). The paper
names neither hardware nor hours, and we have not trained on ImageNet ourselves.

    larq-el train el_resnet26 --recipe elastic_link --dataset imagenet2012 --output runs/el_resnet26
"""

from larq_el.zoo.recipes.recipe import Recipe

ELASTIC_LINK = Recipe("elastic_link", epochs=100, batch_size=256, learning_rate=1e-3, drops=(0.5, 0.8))
