# What the boot partition says of this device. Sourced by its start and by the keeper of its supervisor.
config=/mnt/boot/config.json

# The value of a key of config.json, or nothing.
setting() { jq -r --arg key "$1" '.[$key] // empty' "$config" 2>/dev/null || true; }

device_arch() { jq -r '.arch // empty' /mnt/boot/device-type.json 2>/dev/null || true; }

# The platform's own certificate authority, where it is not one that everybody trusts: for the engine, for our own
# requests, and for the supervisor.
trust_platform() {
  registry=$(setting registryEndpoint)
  authority=$(setting balenaRootCA | base64 -d 2>/dev/null || true)
  cp /etc/ssl/certs/ca-certificates.crt /run/copal/ca.pem.new
  if [ -n "$authority" ]; then
    printf '%s\n' "$authority" >> /run/copal/ca.pem.new
    printf '%s\n' "$authority" > /run/copal/platform-ca.pem
    if [ -n "$registry" ]; then
      mkdir -p "/etc/docker/certs.d/$registry"
      printf '%s\n' "$authority" > "/etc/docker/certs.d/$registry/ca.crt"
    fi
  fi
  mv /run/copal/ca.pem.new /run/copal/ca.pem
}
