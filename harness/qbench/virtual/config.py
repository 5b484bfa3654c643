"""What a virtual device is started with."""

from __future__ import annotations

from typing import Literal

import msgspec

# Announcing abb, delayed_ack or a compression makes hosts use services that are not here.
DEFAULT_FEATURES = (
    "shell_v2",
    "cmd",
    "stat_v2",
    "ls_v2",
    "fixed_push_mkdir",
    "apex",
    "fixed_push_symlink_timestamp",
    "sendrecv_v2",
)

DEVICE_NODES = ("null", "zero", "full", "random", "urandom", "tty")

SHELL_UID = 2000  # AID_SHELL
ROOT_UID = 0

JailKind = Literal["auto", "namespaces", "proot"]
Authorization = Literal["none", "ask", "deny"]


class VirtualConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One virtual device. `props` are its system properties, as getprop shows them."""

    serial: str
    profile: str
    root: str  # folder of the device's tree
    props: dict[str, str]
    features: tuple[str, ...] = DEFAULT_FEATURES
    authorization: Authorization = "none"
    keys: tuple[str, ...] = ()  # public keys that are accepted from the start
    uid: int = SHELL_UID  # ROOT_UID: a rooted device, adbd runs as root
    data_bytes: int = 4 * 1024**3  # size of /data; a tmpfs takes only what is in it
    boot_s: float = 3.0
    max_khz: dict[int, int] = {}  # of each core
    full_load_w: float | None = None
    time_scale: float = 1.0  # how fast the device heats and cools; 0: never
    jail: JailKind = "auto"
    host_folders: dict[str, str] = {}  # in the device -> of the host, read-only
    binfmt_rules: dict[str, str] = {}  # for programs of another processor
    predictor: str | None = None  # "module:function" that tells the stand-in its latencies


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A running virtual device, as its folder tells. `pid` is the supervisor's."""

    serial: str
    profile: str
    pid: int
    start_ticks: int | None
    port: int
    jail: JailKind

    @property
    def address(self) -> str:
        """What adb calls it, once connected."""
        return f"127.0.0.1:{self.port}"
