/// Certificates for tests, self-signed for localhost, valid for a hundred years; made by
/// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost
/// -addext subjectAltName=DNS:localhost,IP:127.0.0.1`.
enum TestCertificates {
    static let first = """
        -----BEGIN CERTIFICATE-----
        MIIBnDCCAUGgAwIBAgIUW9uG6CHxVviteDOy4OLa/YaQShkwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODAzNTIwM1oYDzIxMjYxMTA0
        MDM1MjAzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASSXAIGiNEnnGEAqa/NUozWC2XKJswwRCIoY+1jhll6BCml6BX2tdcV
        T1RSeBsKMRZ6XQeTixYxLOSv2KuaiSQ/o28wbTAdBgNVHQ4EFgQUBvBZsCqaH2EH
        6RKkHTqk1w+tSVQwHwYDVR0jBBgwFoAUBvBZsCqaH2EH6RKkHTqk1w+tSVQwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSQAwRgIhAOlhjZR6oF5MYOuMbvvx3iD/hi1NgUcErw2wCO/WWnqMAiEA
        +cqgYVSO1I5BLBIOOgs1T7AAyFUndZp/bcJAD/580cQ=
        -----END CERTIFICATE-----
        """
    static let firstKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7jjlyrq0oPLOAXR9
        qooPHOCDenm+9XK66M3a4+wk7ZehRANCAASSXAIGiNEnnGEAqa/NUozWC2XKJsww
        RCIoY+1jhll6BCml6BX2tdcVT1RSeBsKMRZ6XQeTixYxLOSv2KuaiSQ/
        -----END PRIVATE KEY-----
        """
    /// The same key; the password is `geheim`.
    static let firstLockedKey = """
        -----BEGIN EC PRIVATE KEY-----
        Proc-Type: 4,ENCRYPTED
        DEK-Info: AES-128-CBC,7B86BB710AE6ED35A27FC2793FA63288

        Fr21yta50iw6wCorY+ZE24wPevsnp3S6ZfkmBWBk3RAHgJW2B6tjCAcsfA/fErfJ
        X7zH8v7cH6GPc9beeJszHMUK2mYoCrrnOIJL4/5jNd+S7R137nrvqeHLheKA08Ql
        VbPGXU8XG7WrLRkQa0a50QneCh/zWSl9XPdusGuo0us=
        -----END EC PRIVATE KEY-----
        """
    static let second = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUSr2ZaLfPSouTp7mGGLEUYNuec7owCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODAzNTIwM1oYDzIxMjYxMTA0
        MDM1MjAzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAASb74bncZ1eW6Zt88qqjEMDin3I8GuBBfkvWfP93ZxdOxilyCGfWJ4U
        Xx6uz7HvVxtKzUCRXT9psaA5PvdSnsG5o28wbTAdBgNVHQ4EFgQUZtA+bbr6eu8F
        8J58joV688NTw4kwHwYDVR0jBBgwFoAUZtA+bbr6eu8F8J58joV688NTw4kwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIgDS8ggGOHuI24wQJZPCiHSuiuPZuxzbUweczpr7dlNHwCIQDl
        aVGYn5R6s7EjJWoBoz3uxHkmqnexkn01Uu7t7mBGJg==
        -----END CERTIFICATE-----
        """
    static let secondKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCntOi9q5cT6YCKHS
        wtOdR63nbQnj7q2U3yP3Bjiic8OhRANCAASb74bncZ1eW6Zt88qqjEMDin3I8GuB
        BfkvWfP93ZxdOxilyCGfWJ4UXx6uz7HvVxtKzUCRXT9psaA5PvdSnsG5
        -----END PRIVATE KEY-----
        """
    static let client = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUJopOvJCHKnhwGdFxJBpWfThNnWMwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODAzNTIwM1oYDzIxMjYxMTA0
        MDM1MjAzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARCHgFOkD2Jpau49r4n+RwL7QQ5Y+MmvKTD05v9CzohjNnAErUC8Knd
        PKygacy7YIWZhBQIuJdoEtFJzbl65ZwTo28wbTAdBgNVHQ4EFgQUwus1Y3RVbsAf
        xSSaMAcGK4M6yF0wHwYDVR0jBBgwFoAUwus1Y3RVbsAfxSSaMAcGK4M6yF0wDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIhAKuTNDFdMN9cQyXhb32W/dFUEct7y+KnBF1Ib9Z9kP09AiA8
        RQscTIkF7xANjqxEYGl1x00VtR2mBbiFQGsHYfwtZQ==
        -----END CERTIFICATE-----
        """
    static let clientKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2tePVKEzdONFq44U
        pBYuorBKBBqgdA6F++7n3JzU7jehRANCAARCHgFOkD2Jpau49r4n+RwL7QQ5Y+Mm
        vKTD05v9CzohjNnAErUC8KndPKygacy7YIWZhBQIuJdoEtFJzbl65ZwT
        -----END PRIVATE KEY-----
        """
}
