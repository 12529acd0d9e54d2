"""Edits a photo on a studio's server, and waits for the layers. Python's own library is enough.

    text2live studio --no-open            # prints its address, with the token
    python3 edit.py http://127.0.0.1:5483 <token> teapot.jpg '{"prompt": "golden teapot", "source": "teapot"}'
"""

import json
import sys
import time
import uuid
from pathlib import Path
from urllib.request import Request, urlopen

address, token, photo, options = sys.argv[1:]
api = f"{address}/api/v1"


def ask(path, data=None, content_type="application/json"):
    headers = {"Authorization": f"Bearer {token}"}
    if data is not None:
        headers["Content-Type"] = content_type
    with urlopen(Request(api + path, data, headers)) as response:
        return response.read()


boundary = uuid.uuid4().hex
form = b"".join(
    [
        f'--{boundary}\r\nContent-Disposition: form-data; name="options"\r\n\r\n{options}\r\n'.encode(),
        f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{Path(photo).name}"\r\n\r\n'.encode(),
        Path(photo).read_bytes(),
        f"\r\n--{boundary}--\r\n".encode(),
    ]
)
run = json.loads(ask("/runs", form, f"multipart/form-data; boundary={boundary}"))["run"]
print("run", run)
while (state := json.loads(ask(f"/runs/{run}"))["state"]) != "finished":
    if state in ("failed", "stopped"):
        sys.exit(f"run {run}: {state}")
    time.sleep(1)
Path("layers.psd").write_bytes(ask(f"/runs/{run}/files/layers.psd"))
print("layers.psd")
