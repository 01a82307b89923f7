// The reference: a provider on terraform-plugin-framework that does what the Rust provider beside it
// does, so that the answers of the two can be compared. It keeps nothing: what a resource holds is a
// function of its plan, and the attribute "script" says what shall go wrong.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

func main() {
	empty := flag.Bool("empty", false, "offer nothing, to measure what a provider costs by itself")
	flag.Parse()
	offer := func() provider.Provider { return conform{} }
	if *empty {
		offer = func() provider.Provider { return nothing{} }
	}
	options := providerserver.ServeOpts{Address: "example.com/tfplugin-rs/conform"}
	if err := providerserver.Serve(context.Background(), offer, options); err != nil {
		log.Fatal(err)
	}
}
