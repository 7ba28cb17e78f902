"""Services in bulk, as API objects: for kube-proxy (with EndpointSlices) and for Fairlead's folder alike."""

NAMESPACE = "bench"
PORT = 80
FIRST_ADDRESS = (10 << 24) + (96 << 16) + 16  # 10.96.0.16


def address(index):
    """Cluster IP of Service `index`, 0-based; room for 65,000."""
    value = FIRST_ADDRESS + index
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def name(index):
    return f"svc-{index}"


def service(index, target_port):
    spec = {
        "type": "ClusterIP",
        "clusterIP": address(index),
        "clusterIPs": [address(index)],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ports": [{"name": "tcp", "protocol": "TCP", "port": PORT, "targetPort": target_port}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": NAMESPACE, "name": name(index)},
        "spec": spec,
    }


def endpoint_slice(index, addresses, target_port, node):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"{name(index)}-1",
            "labels": {"kubernetes.io/service-name": name(index)},
        },
        "ports": [{"name": "tcp", "protocol": "TCP", "port": target_port}],
        "endpoints": [
            {
                "addresses": [a],
                "nodeName": node,
                "conditions": {"ready": True, "serving": True, "terminating": False},
            }
            for a in addresses
        ],
    }
