package main

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// wide has a hundred attributes, to measure planning with.
func wide() schema.Schema {
	attributes := map[string]schema.Attribute{}
	for i := range 20 {
		name := func(kind string) string { return fmt.Sprintf("%s_%02d", kind, i) }
		attributes[name("text")] = schema.StringAttribute{Optional: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}}
		attributes[name("number")] = schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(1)}
		attributes[name("made")] = schema.StringAttribute{Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
		attributes[name("words")] = schema.ListAttribute{Optional: true, ElementType: types.StringType}
		attributes[name("flag")] = schema.BoolAttribute{Optional: true}
	}
	return schema.Schema{Attributes: attributes}
}
