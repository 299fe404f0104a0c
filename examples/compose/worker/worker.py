import os
import time

path = "/data/count"
count = int(open(path).read()) if os.path.exists(path) else 0
print(f"worker goes on from {count}")

while True:
    count += 1
    with open(path + ".new", "w") as file:
        file.write(str(count))
    os.replace(path + ".new", path)
    print(f"count {count}")
    time.sleep(float(os.environ["INTERVAL"]))
