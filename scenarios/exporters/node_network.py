"""node_exporter's network interfaces, and NFS from both sides."""

from __future__ import annotations

import numpy as np

from scenarios.exporters.exposition import Row, Sheet, constant, picked, scaled, whole
from scenarios.state import Counter, Gauge, each, machines

NFS_METHODS = {
    "Access": 0.10,
    "Close": 0.04,
    "Commit": 0.03,
    "Getattr": 0.30,
    "Lookup": 0.09,
    "Open": 0.04,
    "Read": 0.29,
    "Write": 0.11,
}


def network(sheet: Sheet) -> None:
    """A machine's traffic is its own and that of everything on it."""
    model, hosts, homelab = sheet.model, sheet.entities, sheet.model.homelab
    devices = ["vmbr0" if host in homelab.nodes else "eth0" for host in hosts]
    rows = [Row(number, {"device": device}) for number, device in enumerate(devices)]
    groups = machines(homelab, hosts)
    for way, signal in (("receive", "net_rx"), ("transmit", "net_tx")):
        moved = Counter(model, signal, groups, hosts)
        for name, factor in (("bytes", 1.0), ("packets", 1 / 900)):
            text = f"Network device statistic {way}_{name}."
            sheet.add(f"node_network_{way}_{name}_total", "counter", text, rows, whole(scaled(moved, factor)))
        for name in ("drop", "errs"):
            text = f"Network device statistic {way}_{name}."
            sheet.add(f"node_network_{way}_{name}_total", "counter", text, rows, constant([0.0] * len(rows)))
    sheet.fixed("node_network_up", "gauge", "Value is 1 if operstate is 'up', 0 otherwise.", rows, [1.0] * len(rows))
    speeds = [125e6 if homelab.host_of(host) in homelab.guests else 312.5e6 for host in hosts]
    sheet.fixed("node_network_speed_bytes", "gauge", "Network device property: speed_bytes.", rows, speeds)
    addresses = [homelab.machine(host).address for host in hosts]
    labels = [
        {"address": address, "device": device, "netmask": "24", "scope": "global"}
        for address, device in zip(addresses, devices, strict=True)
    ]
    text = "node network address by device"
    sheet.info("node_network_address_info", text, [Row(number, found) for number, found in enumerate(labels)])


def connections(sheet: Sheet) -> None:
    """A machine's own, and those of the databases on it; what its guests hold is not its."""
    homelab = sheet.model.homelab
    groups = [[host, *(service.name for service in homelab.services_on(host))] for host in sheet.entities]
    held = Gauge(sheet.model, "connections", groups)
    text = "Statistic TcpCurrEstab."
    sheet.each("node_netstat_Tcp_CurrEstab", "untyped", text, lambda state: np.round(held(state)))


def nfs(sheet: Sheet) -> None:
    """What clients call, and what the NAS serves: the sum of it."""
    model = sheet.model
    clients = [(number, host) for number, host in enumerate(sheet.entities) if model.has("nfs_ops", host)]
    hosts = [host for _, host in clients]
    calls = Counter(model, "nfs_ops", each(hosts), hosts)
    again = Counter(model, "nfs_retransmissions", each(hosts), hosts)
    plain = [Row(number, {}) for number, _ in clients]
    sheet.add("node_nfs_rpcs_total", "counter", "Total number of RPCs performed.", plain, lambda s: np.floor(calls(s)))
    text = "Number of RPC transmissions performed."
    sheet.add("node_nfs_rpc_retransmissions_total", "counter", text, plain, lambda s: np.floor(again(s)))
    by_method = [Row(number, {"method": method, "proto": "4"}) for number, _ in clients for method in NFS_METHODS]
    shares = np.array(list(NFS_METHODS.values()) * len(clients))[:, None]
    spread = picked(calls, [row for row in range(len(clients)) for _ in NFS_METHODS])
    text = "Number of NFS procedures invoked."
    sheet.add("node_nfs_requests_total", "counter", text, by_method, lambda s: np.floor(spread(s) * shares))
    nas = [number for number, host in enumerate(sheet.entities) if host == model.homelab.nas]
    served = Counter(model, "nfs_ops", [hosts for _ in nas], [sheet.entities[number] for number in nas])
    served_rows = [Row(number, {"method": method, "proto": "4"}) for number in nas for method in NFS_METHODS]
    served_shares = np.array(list(NFS_METHODS.values()) * len(nas))[:, None]
    text = "Total number NFSd Requests by method and protocol."
    everywhere = picked(served, [row for row in range(len(nas)) for _ in NFS_METHODS])
    sheet.add(
        "node_nfsd_requests_total", "counter", text, served_rows, lambda s: np.floor(everywhere(s) * served_shares)
    )
