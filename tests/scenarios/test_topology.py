import pytest

from core.errors import InvalidInput
from scenarios.topology import load_homelab


@pytest.fixture(scope="module")
def homelab():
    return load_homelab()


def test_the_homelab_is_as_large_as_promised(homelab):
    assert len(homelab.nodes) == 3
    assert len(homelab.guests) >= 12
    assert len(homelab.services) >= 80
    assert len(homelab.entities) == sum(map(len, (homelab.nodes, homelab.devices, homelab.guests, homelab.services)))


def test_a_service_depends_on_its_guest_its_database_the_nas_the_resolvers_and_the_proxy(homelab):
    needs = homelab.dependencies()["immich-server"]
    assert {"photos", "immich-postgres", "nas", "adguard", "adguard-secondary", "traefik"} <= set(needs)
    assert homelab.dependencies()["photos"][0] == "pve1"


def test_dependencies_have_no_circle(homelab):
    needs = homelab.dependencies()
    for entity in homelab.entities:
        assert all(entity not in homelab.clients(need) or need not in homelab.clients(entity) for need in needs[entity])


def test_nothing_below_the_resolvers_depends_on_them(homelab):
    clients = homelab.clients("adguard")
    assert not clients & {"dns1", "dns2", "unbound", "pve1", "nas"}
    assert {"jellyfin", "media", "postgres"} <= clients


def test_clients_are_found_through_others(homelab):
    assert "jellyseerr" in homelab.clients("prowlarr")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("domain: x\nnodes: {a: {cores: 0, memory: 1, address: b}}\n", "nodes.a.cores"),
        ("domain: x\nnodes: {a: {cores: 2, memory: 1, address: b, colour: red}}\n", "nodes.a.colour"),
        ("- not\n- a mapping\n", "expected domain"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_topology_names_file_and_field(tmp_path, text, message):
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=message) as caught:
        load_homelab(file)
    assert "lab.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_need_that_does_not_exist_is_named(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(
        "domain: x\nnodes: {p: {cores: 2, memory: 4, address: a}}\ndevices: {}\n"
        "guests: {g: {id: 1, type: lxc, node: p, cores: 1, memory: 1, disk: 8, address: b}}\n"
        "services: {g: {s: {port: 1, cpu: 0.1, mem: 10, needs: [ghost]}}}\n"
    )
    with pytest.raises(InvalidInput, match=r"services\.g\.s\.needs: no entity named 'ghost'"):
        load_homelab(file)
