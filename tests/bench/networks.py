"""heist's networks in PyTorch: the same structure and the same state_dict names (nn/arch). A network is a line in NETWORKS."""
import torch.nn.functional as F
from torch import nn

GREY, COLOUR = (1, 28, 28), (3, 32, 32)


class LeNet5(nn.Module):
    def __init__(self, image, classes):
        super().__init__()
        side = lambda n: ((n - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(image[0], 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * side(image[1]) * side(image[2]), 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


class LeNet(nn.Module):
    def __init__(self, image, classes):
        super().__init__()
        side = lambda n: ((n - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(image[0], 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(50 * side(image[1]) * side(image[2]), 500)
        self.fc2 = nn.Linear(500, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Conv3(nn.Module):
    def __init__(self, image, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image[0], 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc1 = nn.Linear(128 * (image[1] // 8) * (image[2] // 8), 512)
        self.fc2 = nn.Linear(512, classes)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Mlp(nn.Module):
    def __init__(self, image, classes):
        super().__init__()
        self.fc1 = nn.Linear(image[0] * image[1] * image[2], 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, classes)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class Softmax(nn.Module):
    def __init__(self, image, classes):
        super().__init__()
        self.fc = nn.Linear(image[0] * image[1] * image[2], classes)

    def forward(self, x):
        return self.fc(x.flatten(1))


def shortcut(before, after, stride):
    """Nothing where the shapes agree, else a 1x1 convolution."""
    if stride == 1 and before == after:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


class Basic(nn.Module):
    GROWTH = 1

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = shortcut(before, width, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Bottleneck(nn.Module):
    GROWTH = 4

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.shortcut = shortcut(before, 4 * width, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, image, classes, block, blocks, first):
        super().__init__()
        self.conv1 = nn.Conv2d(image[0], first, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.stages, before = len(blocks), first
        for i, count in enumerate(blocks):
            stage = []
            for j in range(count):
                stage.append(block(before, first << i, 2 if i and not j else 1))
                before = block.GROWTH * (first << i)
            setattr(self, "layer%d" % (i + 1), nn.Sequential(*stage))
        self.linear = nn.Linear(before, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for i in range(self.stages):
            x = getattr(self, "layer%d" % (i + 1))(x)
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


class WideBlock(nn.Module):
    """Pre-activation; where the width changes, the first activation feeds the shortcut as well."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.convShortcut = None if before == width else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, x):
        a = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return y + (self.convShortcut(a) if self.convShortcut else x)


class WideStage(nn.Module):
    def __init__(self, before, width, stride, blocks):
        super().__init__()
        self.layer = nn.Sequential(*[WideBlock(before if j == 0 else width, width, stride if j == 0 else 1) for j in range(blocks)])

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, image, classes, depth, widen):
        super().__init__()
        blocks, widths = (depth - 4) // 6, [16, 16 * widen, 32 * widen, 64 * widen]
        self.conv1 = nn.Conv2d(image[0], 16, 3, 1, 1, bias=False)
        self.block1 = WideStage(widths[0], widths[1], 1, blocks)
        self.block2 = WideStage(widths[1], widths[2], 2, blocks)
        self.block3 = WideStage(widths[2], widths[3], 2, blocks)
        self.bn1 = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.adaptive_avg_pool2d(F.relu(self.bn1(x)), 1).flatten(1))


class Vgg16(nn.Module):
    def __init__(self, image, classes):
        super().__init__()
        modules, before = [], image[0]
        for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(convolutions):
                modules += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                before = width
            modules.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*modules)
        self.classifier = nn.Linear(512, classes)
        self.border = [(32 - image[2]) // 2, (33 - image[2]) // 2, (32 - image[1]) // 2, (33 - image[1]) // 2]

    def forward(self, x):
        return self.classifier(self.features(F.pad(x, self.border)).flatten(1))


NETWORKS = {
    "lenet5": LeNet5,
    "lenet": LeNet,
    "conv3": Conv3,
    "resnet8": lambda image, classes: ResNet(image, classes, Basic, (1, 1, 1), 16),
    "resnet20": lambda image, classes: ResNet(image, classes, Basic, (3, 3, 3), 16),
    "resnet18": lambda image, classes: ResNet(image, classes, Basic, (2, 2, 2, 2), 64),
    "resnet34": lambda image, classes: ResNet(image, classes, Basic, (3, 4, 6, 3), 64),
    "resnet50": lambda image, classes: ResNet(image, classes, Bottleneck, (3, 4, 6, 3), 64),
    "wrn16_1": lambda image, classes: WideResNet(image, classes, 16, 1),
    "wrn16_4": lambda image, classes: WideResNet(image, classes, 16, 4),
    "wrn28_10": lambda image, classes: WideResNet(image, classes, 28, 10),
    "vgg16": Vgg16,
    "mlp": Mlp,
    "softmax": Softmax,
}


def image_of(name):
    """The images that a network is timed with."""
    return GREY if name in ("lenet5", "lenet", "mlp", "softmax") else COLOUR
