"""The certificate on the data plane's port: sound, expired, misnamed or untrusted; made at start, never
shipped.

| module           | what is in it                                                                     |
|------------------|-----------------------------------------------------------------------------------|
| `config.py`      | plain values: what the certificate page sets                                      |
| `certificate.py` | keys, names, dates: one certificate as a scenario describes it                    |
| `authority.py`   | the mock's own CA, what `--state` keeps, and `mint`                               |
| `versions.py`    | which versions of TLS are spoken, and whether this OpenSSL can speak the old ones |
| `serving.py`     | `ssl` contexts, the bundle for clients, and `Certificates`, true to the clock     |

Importing it costs `ssl`; cryptography is imported by whatever mints first.
"""
