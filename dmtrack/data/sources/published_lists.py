"""The published lists of benchmarks whose folders do not say what belongs to them: OTB, UAV123, UAV20L, LaSOT."""

from __future__ import annotations

_OTB2013 = """
Basketball Bolt Boy Car4 CarDark CarScale Coke Couple Crossing David David2 David3 Deer Dog1 Doll Dudek FaceOcc1
FaceOcc2 Fish FleetFace Football Football1 Freeman1 Freeman3 Freeman4 Girl Ironman Jogging-1 Jogging-2 Jumping Lemming
Liquor Matrix Mhyang MotorRolling MountainBike Shaking Singer1 Singer2 Skating1 Skiing Soccer Subway Suv Sylvester
Tiger1 Tiger2 Trellis Walking Walking2 Woman
"""

_ONLY_OTB100 = """
Biker Bird1 Bird2 BlurBody BlurCar1 BlurCar2 BlurCar3 BlurCar4 BlurFace BlurOwl Board Bolt2 Box Car1 Car2 Car24
ClifBar Coupon Crowds Dancer Dancer2 Diving Dog DragonBaby Girl2 Gym Human2 Human3 Human4-2 Human5 Human6 Human7
Human8 Human9 Jump KiteSurf Man Panda RedTeam Rubik Skater Skater2 Skating2-1 Skating2-2 Surfer Toy Trans Twinnings
Vase
"""

OTB_VERSIONS = ("otb100", "otb2013")


def published_otb_names(version: str) -> tuple[str, ...]:
    """Names of the targets of "otb100" or "otb2013"; videos with several have them as `Jogging-1`, `Jogging-2`.

    Of Human4, OTB annotates the second target alone.
    """
    names = _OTB2013.split() if version == "otb2013" else [*_OTB2013.split(), *_ONLY_OTB100.split()]
    return tuple(sorted(names, key=str.lower))


_WHOLE_VIDEOS = """
bike1:3085 bike2:553 bike3:433 boat1:901 boat2:799 boat3:901 boat4:553 boat5:505 boat6:805 boat7:535 boat8:685
boat9:1399 building1:469 building2:577 building3:829 building4:787 building5:481 car2:1321 car3:1717 car4:1345
car5:745 car7:1033 car9:1879 car10:1405 car11:337 car12:499 car13:415 car14:1327 car15:469 car17:1057 car18:1207
person1:799 person3:643 person6:901 person9:661 person10:1021 person11:721 person13:883 person15:1339 person16:1147
person18:1393 person20:1783 person21:487 person22:199 person23:397 truck1:463 truck2:385 truck3:535 uav2:133 uav3:265
uav4:157 uav5:139 uav6:109 uav7:373 uav8:301 wakeboard1:421 wakeboard2:733 wakeboard3:823 wakeboard4:697
wakeboard5:1675 wakeboard6:1165 wakeboard7:199 wakeboard8:1543 wakeboard9:355 wakeboard10:469 car1_s:1475 car2_s:320
car3_s:1300 car4_s:830 person1_s:1600 person2_s:250 person3_s:505
"""
"""Sequence and its last frame."""

_PARTS = """
bird1_1:1-253 bird1_2:775-1477 bird1_3:1573-2437 car1_1:1-751 car1_2:751-1627 car1_3:1627-2629 car6_1:1-487
car6_2:487-1807 car6_3:1807-2953 car6_4:2953-3925 car6_5:3925-4861 car8_1:1-1357 car8_2:1357-2575 car16_1:1-415
car16_2:415-1993 group1_1:1-1333 group1_2:1333-2515 group1_3:2515-3925 group1_4:3925-4873 group2_1:1-907
group2_2:907-1771 group2_3:1771-2683 group3_1:1-1567 group3_2:1567-2827 group3_3:2827-4369 group3_4:4369-5527
person2_1:1-1189 person2_2:1189-2623 person4_1:1-1501 person4_2:1501-2743 person5_1:1-877 person5_2:877-2101
person7_1:1-1249 person7_2:1249-2065 person8_1:1-1075 person8_2:1075-1525 person12_1:1-601 person12_2:601-1621
person14_1:1-847 person14_2:847-1813 person14_3:1813-2923 person17_1:1-1501 person17_2:1501-2347 person19_1:1-1243
person19_2:1243-2791 person19_3:2791-4357 truck4_1:1-577 truck4_2:577-1261 uav1_1:1-1555 uav1_2:1555-2377
uav1_3:2473-3469
"""
"""Sequence `<video>_<part>` with its first and last frame in the video."""

_UAV20L = """
bike1:3085 bird1:2437 car1:2629 car3:1717 car6:4861 car8:2575 car9:1879 car16:1993 group1:4873 group2:2683 group3:5527
person2:2623 person4:2743 person5:2101 person7:2065 person14:2923 person17:2347 person19:4357 person20:1783 uav1:3469
"""
"""Sequence, which is a video of UAV123, and its last frame."""

UAV_VERSIONS = ("UAV123", "UAV20L")


def published_uav_parts(version: str) -> dict[str, tuple[str, int, int]]:
    """Sequence -> (video, first frame, last frame), counted from 1, of "UAV123" or "UAV20L"."""
    parts = {}
    for entry in (_UAV20L if version == "UAV20L" else _WHOLE_VIDEOS).split():
        name, last = entry.split(":")
        parts[name] = (name, 1, int(last))
    for entry in _PARTS.split() if version == "UAV123" else ():
        name, span = entry.split(":")
        first, last = span.split("-")
        parts[name] = (name.rsplit("_", 1)[0], int(first), int(last))
    return parts


_LASOT_TEST_NUMBERS = """
airplane 1 9 13 15
basketball 1 6 7 11
bear 2 4 6 17
bicycle 2 7 9 18
bird 2 3 15 17
boat 3 4 12 17
book 3 10 11 19
bottle 1 12 14 18
bus 2 5 17 19
car 2 6 9 17
cat 1 3 18 20
cattle 2 7 12 13
chameleon 3 6 11 20
coin 3 6 7 18
crab 3 6 12 18
crocodile 3 4 10 14
cup 1 4 7 17
deer 4 8 10 14
dog 1 7 15 19
drone 2 7 13 15
electricfan 1 10 18 20
elephant 1 12 16 18
flag 2 3 5 9
fox 2 3 5 20
frog 3 4 9 20
gametarget 1 2 7 13
gecko 1 5 16 19
giraffe 2 10 13 15
goldfish 3 7 8 10
gorilla 4 6 9 13
guitar 3 8 10 16
hand 2 3 9 16
hat 1 2 5 18
helmet 5 11 13 19
hippo 1 7 9 20
horse 1 4 12 15
kangaroo 2 5 11 14
kite 4 6 10 15
leopard 1 7 16 20
licenseplate 6 12 13 15
lion 1 5 12 20
lizard 1 3 6 13
microphone 2 6 14 16
monkey 3 4 9 17
motorcycle 1 3 9 18
mouse 1 8 9 17
person 1 5 10 12
pig 2 10 13 18
pool 3 7 12 15
rabbit 10 13 17 19
racing 10 15 16 20
robot 1 5 8 19
rubicCube 1 6 14 19
sepia 6 8 13 16
shark 2 3 5 6
sheep 3 5 7 9
skateboard 3 8 16 19
spider 14 16 18 20
squirrel 8 11 13 19
surfboard 4 5 8 12
swing 10 14 17 20
tank 6 9 14 16
tiger 4 6 12 18
train 1 7 11 20
truck 3 6 7 16
turtle 5 8 9 16
umbrella 2 9 17 19
volleyball 1 13 18 19
yoyo 7 15 17 19
zebra 10 14 16 17
"""


def published_lasot_test_names() -> list[str]:
    """The 280 test sequences, `airplane-1`, `airplane-9`, ...: class by class, four each."""
    rows = [line.split() for line in _LASOT_TEST_NUMBERS.strip().splitlines()]
    return [f"{row[0]}-{number}" for row in rows for number in row[1:]]
