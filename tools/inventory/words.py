"""Words that decide whether a word of a question is a name. Plain English and the trade's own nouns; no homelab in here."""

from __future__ import annotations

import re


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


HOST_NOUNS = _set("vm host guest lxc ct machine box")
NODE_NOUNS = _set("node hypervisor")
SERVICE_NOUNS = _set("container service app application instance pod daemon")
NOUNS = HOST_NOUNS | NODE_NOUNS | SERVICE_NOUNS | _set("server vms database stack target nas")
PHYSICAL = _set("proxmox pve physical bare-metal hypervisor")

ORDINARY = _set("""
    actual admin alerts analytics api app apps archive arr audio auth automation backup backups base blog books bot box budget
    build builder bridge cache calendar camera cameras cast chat chronicle ci cloud code config connect contacts control core
    dash dashboard data database databases db desktop dev dns docker docs documents door download downloads drive edge editor
    exporter external feed feeds file files finance firewall focus forge games garage gate gateway ghost git grocy guard guest
    health home homepage host hub images inbox index infra internal jobs journal key keys kitchen lab laptop library light
    lights link links live log logging logs mail main maps master media memos metrics mirror mon money monitor monitoring movies
    music network news notes office outline panel paper phone photo photos pi picture pictures pod portal print printer prod
    proxy queue radio read recipes recorder registry remote repo resolver resolvers reverse router runner scanner scheduler
    search secrets security server servers share shop shows site staging stash status storage store stream streaming support
    switch sync syslog tasks test time tools torrent tracker traffic transmission tube tv update updates upload vault video
    videos voice vpn watch weather web wiki work worker workers
""")
"""Words that name a machine or a service in many homelabs and mean something else in most sentences."""

COMPOUND = _set("""
    alerts backup backups build cache config dashboard data health images jobs log logging logs metrics mirror monitoring
    network registry security status storage sync test time traffic update updates upload
""")
"""Of those, the ones that follow a noun as an activity: "the VM backup", "container registry"."""

STATES = _set("""
    down up slow ok okay fine healthy unhealthy alive dead offline online unreachable reachable unavailable available overloaded
    busy hot full running crashing crashed swapping laggy broken restarting rebooting responding unresponsive stuck hanging
    flapping degraded failing failed high low loaded saturated throttled back getting not so still acting using hammering out
    affected firing sluggish dying working crawling crawlin lagging melting choking timing silent quiet
""")
METRICS = _set("""
    cpu memory ram disk disks load swap iowait uptime latency temperature filesystem usage space utilisation utilization
    requests connections errors restarts oom status health state logs metrics alerts bandwidth
""")
SYMPTOMS = _set(
    "slow down broken up high low full status offline unreachable crashing crashed restarting failing laggy stuck"
)
"""What people type bare behind a name: "db slow"."""
MEASURED = _set("cpu memory ram disk disks load swap iowait uptime latency temperature filesystem")
BE = _set("is was are were isn't wasn't has does did will")
LINKING = _set("is was are were has keeps kept went goes seems looks feels became got gets isn't wasn't")
AFTER_NAME = _set("""
    since at in last for during this today yesterday tonight right now and or so is was are were again with compared after before
    overnight between from around be when while because but than to that has have had doing keep keeps going down up slow high low
    full behind under over via vs versus? then these past if now? please recently currently lately
""")
"""What may follow a name that is written bare; a noun there would make it an adjective ("on git push")."""
HOLDING = _set("runs running hosting hosts hosted has with of for behind under carrying")

STOP = (
    NOUNS | PHYSICAL | STATES | METRICS | BE | LINKING | AFTER_NAME | HOLDING
    | _set("""
    a about above absolutely access according accident across action actions active actually ad additional address adding ago ahead
    alert alerting all almost alone already also alternative although always am amount an analysis another answer any anybody
    anyone anything anywhere apart apparently approach as aside ask asked asleep assistant attached attempt attention attic
    auto average aware away bad badly base basis batteries battery beat became become been begin behave behaviour being below
    benchmark best better big bit board boot booted booting both bottom break breaking breaks broke briefly bring broad browser budget bug busiest button
    by call called can cannot cant capacity care case cause caused causes causing certain certificate certificates cert certs
    change changed changes charge chart cheap check checking checks chance class clean clear click clients client clock closed
    cluster clusters cold come comes coming command commands commit common comparison complete condition configuration configured
    connected connection consider constant consumed consumer consuming containers contain context continue cool cores correct
    cost could count course culprit crash crashes critical cron current cut daily day days debug december default deep delay demand
    dependency deploy deployed deployment details detect device devices did didn't didnt died different directory disappeared disconnected
    discovered docker does doesn't doesnt done don't dont door dose doubt downtime draft drift drifts drive drives drop dropped dropping
    drops due duty dying each earlier early easy eating edge effect eight either else email empty end ended enough entire
    environment error estimate ethernet even evening event events ever every everybody everyone everything everywhere exactly
    example except exist exists expect expected expire expired expires expiring explain explanation export extra fact fail fails
    failure failures fall fallback family fan far fast faster fault faulty february feel few fifth figure file fill filled filling
    fills find fire firewall first fix five fixed flaky fleet focus follow following foot forecast forever form forward found four
    free freeze frequently friday friend frozen fri gateway general generate get gigabytes give given gives go goes gone good got
    gradually graph graphs great grew ground group groups grow growing grows growth guests guess guide had half hand handle happen
    happened happening happens hard hardly hardware hasn't hasn't have haven't having he head healthcheck hear hear hello help
    her here hey hi hidden higher highest him his history hit hits hold holiday homelab hope hosts hour hours how however human
    hundred hung hypervisors i idea image identify idle impact impacted improve inbound incident incidents include increase increased
    increasing info information inside install installed instances instead interface internet into investigate involved io ip
    issue issues it item its itself january job july june just kernel kill killed killing kind know known lan lag large largest late
    latest lately latter laptop lead leak leaking least leave left less let level life like likely limit limited line lines link
    list listening little live load loads local location logged logging long longer look looking looks lose losing loss lost lot
    lots lower lowest lvm mac machines made main maintenance major make makes making manual many march matter max maximum may maybe me
    mean means meant migration mobile measure mem messages metric middle midnight might min mine minimum minor minute minutes missing mode moment
    monday monitor month months more morning most mount mounted mounts mouse move moved much multiple must my myself name named
    names near nearly need needs neighbor neighbour neighbours neither never new newest next nfs night nine no nobody nodes
    noisy none noon nor normal normally noticed nothing notice november now number object observed occurred october odd of off
    often oh old older oldest on once one ones ongoing only onto open operation order other others ought our ourselves
    outage outages outside responsible ruined touched trigger triggered wrecked overall overview own packet packets page paged part particular partition pass passed pattern
    peak pending people per percent percentage performance perhaps period permanent permanently person policy processing phone place plan plans play please
    plenty point pool poor port possible possibly potential power prevent previous previously print prior priority probably
    probe probes problem problems procedure process processes production program promising prove provide purpose push put quarter
    question queries query quick quickly quiet quite raid rate rates rather reach read ready real really reason reasons reboot
    rebooted recent recommend record recover recovered red regarding regular related relevant remain remember remote remove
    renew repair repeat replace replaced report reports request resource resources respond response rest restart restarted restore
    restored result results return review rise rising risk root rotate rough roughly round rule rules run runbook runbooks runs
    said same saturday save saw say scheduled screen second seconds see seeing seem seemed seems seen self send sense sensor
    september serious server's servers services session set setup seven severe severity share she short should shouldn't show
    showing shows shut shutdown shell side sign signal silence silenced similar simple single site situation six size slower slowly
    small smart snapshot some somebody someone something sometimes somewhere soon sort spare speed spend spike spiked spikes spiking
    stable stack standby start started starting starts startup state stay steal step steps stop stopped stopping storage
    strange stuff such sudden suddenly suffering suggest suggestion summarise summarize summary sunday sure suspect symptom
    symptoms system systems table tail take taken takes taking talk tell ten terms terrible test text thank thanks their them
    themselves there therefore thermal thing things think third those though thought three threshold through throughput
    thursday ticket tight till time timeout timeouts times tired together told tomorrow too took top topic total toward track trace
    track traffic tree trend tried trigger triggered triggering trouble troubleshoot true try trying tuesday turn twice two type
    zpool pbs qm pct uh unable unclear understand unexpected unhappy unit unknown unless unstable until unusual unusually upgrade upgraded ups's
    upstairs urgent us use used user users usual usually util value values various verify version very view visible volume
    vms volumes wait waiting wake want wants warn warning warnings was wasn't watch way we weather website websites wednesday
    week weekend weekly weeks weird well went were weren't what what's whatever when whenever where where's whether which who
    whole whose why wifi wait will wired without won't wondering word work works world worry worse worst would wouldn't write
    wrong wan yaml year years yes yet you your yours yourself zero zfs zone
    prometheus's queue fire schedule scheduled average purpose demand hold standby lxcs cts pods apps applications hostname
    night's everything's nothing's that's it's here's there's he's she's let's i'm i've i'd i'll you're we're they're they them
    redacted the this me so if it's network's internet dns proxy vpn nas ups lab gpu network networks switch router printer camera tv
    """)
)  # fmt: skip
"""Words that are never reported as an unknown name."""

NO_NAME = re.compile(
    r"""^(?:
      [\d.,:%+/x*-]+                                          # numbers, clock times, 24/7
    | v?\d+(?:\.\d+)+(?:[-+.]?[a-z]+\d*)?                        # versions
    | \d+(?:\.\d+)?(?:[a-z]{1,3}|xx|st|nd|rd|th|ms|[kmgtp]i?b?(?:/s|ps)?|mbit|gbit|hours?|min(?:utes)?|days?|-(?:hour|day|minute|week)s?)
    | \d{4}-\d\d-\d\d\S* | \d+[ap]m | \dxx
    | sd[a-z]\d* | nvme\d\S* | mmcblk\d\S* | vd[a-z]\d* | zd\d+ | dm-\d+ | md\d+ | eth\d+ | en[ops]\w+ | wlan\d | wlp\w+
    | vmbr\d+ | bond\d | tun\d+ | tap\d+\w* | wg\d+ | veth\S* | br-\S+ | docker\d | lo
    | [hx]\.?26[45] | mp[34] | ipv[46] | https?/?\d?(?:\.\d)? | sha-?\d+ | md5 | p\d\d? | q[1-4] | [eck]\d+ | raid-?z?\d* | ext[234]
    | nfsv?\d(?:\.\d)? | log4j | oauth2? | base64 | utf-?\d+ | x86\S* | arm\d* | amd64 | aarch64 | k[38]s | s3 | i18n | errno
    | s?ata\d? | usb\d?(?:\.\d)? | ddr\d | pcie?\d? | l[1-7] | tls1\.\d | ss[dh]d? | 2fa | gpu\d | cpu\d+ | i[3579]-?\S* | python\d\S*
    | covid-?19 | web[23] | mp3s | top-?\d+ | last-?\d+\w* | load\d+ | n\d{3} | zigbee\d? | rfc-?\d+ | cve-\S+ | \S+@\S+\.\w+
    | .*\.(?:md|ya?ml|json|conf|cfg|log|sh|py|txt|service|timer|socket|mount|toml|env|ini|sock|gz|zip|html|db|sqlite|js|net|com|org|io)
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Tokens with digits or dots that name no machine: numbers, versions, block devices, interfaces, codecs, file names."""
