#include "config/tls_codec.h"

namespace cgisrv::config {

namespace {

constexpr auto expectation =
    "a table such as { certificate = \"/path\", key = \"/path\" }, or a list of them";

// clang-format off
const SectionOf<CertificateFiles>& tls_section() {
  static const SectionOf<CertificateFiles> section{
      "[site.tls]",
      "The certificate that a site shows on listeners with `tls`. Mostly written as `tls = { "
      "certificate = \"/path\", key = \"/path\" }`. Both files are read by the user who starts the "
      "server, and again after they have changed.", {
      {"certificate", &CertificateFiles::certificate, path(), required,
       "A PEM file with the certificate and, after it, the chain of those that have signed it: "
       "certbot's `fullchain.pem`."},
      {"key", &CertificateFiles::key, path(), required,
       "A PEM file with its private key, without a passphrase: certbot's `privkey.pem`. Nobody "
       "else should be able to read it."},
  }};
  return section;
}
// clang-format on

}  // namespace

Codec<std::vector<CertificateFiles>> certificates() {
  return {{"tables", "", expectation, &tls_section()},
          [](const Reading& reading, const Value& value, std::vector<CertificateFiles>& target) {
            const auto read = [&](const Value& table) {
              CertificateFiles& files = target.emplace_back();
              if (table.as<Value::Table>() == nullptr)
                reading.wrong(table);
              else
                tls_section().parse(reading, table, &files);
            };
            if (const auto* const list = value.as<Value::List>())
              for (const Value& each : *list)
                read(each);
            else
              read(value);
          }};
}

Codec<std::vector<CertificateFiles>> certificates_again() {
  auto codec = described_before(certificates());
  codec.kind.type = "table, or a list";
  return codec;
}

}  // namespace cgisrv::config
