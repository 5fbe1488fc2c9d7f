"""Datagrams of NetFlow 5, NetFlow 9 and IPFIX, one flow each, made octet by octet."""
import ipaddress
import struct
import time

TEMPLATE, OPTIONS = 256, 300
IPV4 = ((8, 4), (12, 4), (1, 4), (2, 4), (4, 1), (7, 2), (11, 2))
IPV6 = ((27, 16), (28, 16), *IPV4[2:])


def _set(number, body):
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", number, 4 + len(body)) + body


def _template(fields):
    return struct.pack("!HH", TEMPLATE, len(fields)) + b"".join(struct.pack("!HH", *field) for field in fields)


def _record(host, octets, packets):
    to = ipaddress.ip_address(host)
    outside = ipaddress.ip_address("192.0.2.77" if to.version == 4 else "2001:db8:f::1")
    return outside.packed + to.packed + struct.pack("!IIBHH", octets, packets, 17, 53, 4444)


def netflow5(host, octets, packets, number, sampling=1):
    interval = 0x4000 | sampling if sampling > 1 else 0
    head = struct.pack("!HHIIIIHH", 5, 1, 1000000, int(time.time()), 0, number, 0, interval)
    return head + struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", bytes([192, 0, 2, 77]), ipaddress.ip_address(host).packed, bytes(4),
                              1, 2, packets, octets, 1000000, 1000000, 53, 4444, 0, 0, 17, 0, 0, 0, 0, 0, 0)


def netflow9(host, octets, packets, number, sampling=1):
    fields = IPV4 if ipaddress.ip_address(host).version == 4 else IPV6
    sets = [_set(0, _template(fields))]
    if sampling > 1:
        sets += [_set(1, struct.pack("!HHHHHHHHH", OPTIONS, 4, 8, 1, 4, 34, 4, 35, 1)),
                 _set(OPTIONS, struct.pack("!IIB", 0, sampling, 2))]
    sets.append(_set(TEMPLATE, _record(host, octets, packets)))
    return struct.pack("!HHIIII", 9, len(sets), 1000000, int(time.time()), number, 1) + b"".join(sets)


def ipfix(host, octets, packets, number, sampling=1):
    fields = IPV4 if ipaddress.ip_address(host).version == 4 else IPV6
    sets = [_set(2, _template(fields))]
    if sampling > 1:
        sets += [_set(3, struct.pack("!HHHHHHHHH", OPTIONS, 3, 1, 149, 4, 34, 4, 35, 1)),
                 _set(OPTIONS, struct.pack("!IIB", 1, sampling, 2))]
    sets.append(_set(TEMPLATE, _record(host, octets, packets)))
    body = b"".join(sets)
    records = 1 if sampling == 1 else 2  # options data are data records
    return struct.pack("!HHIII", 10, 16 + len(body), int(time.time()), number * records & 0xffffffff, 1) + body
