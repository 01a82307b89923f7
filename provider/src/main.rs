//! `terraform-provider-ferrymq`: the program that Terraform starts. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tfplugin_rs::run(provider::ferrymq(), "provider")
}
