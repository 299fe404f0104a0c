import os
import time

name = os.environ.get("BALENA_DEVICE_NAME_AT_INIT", "nobody")
print(f"hello from Python on {name}", flush=True)

beat = 0
while True:
    time.sleep(float(os.environ.get("INTERVAL", "10")))
    beat += 1
    print(f"beat {beat}", flush=True)
